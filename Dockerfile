# Farsight and its trainer. Linted, but never built by its authors: see docs/containers.md.
#   docker build --tag farsight .
#   docker build --tag farsight-trainer --target trainer .
#   docker build --tag farsight --build-arg TORCH_INDEX=... .    (another build of torch, such as the one for CPUs)
#   docker build --tag farsight --build-arg DETECTORS=centerface .    (if YuNet's file is out of reach)

FROM python:3.11-slim-bookworm AS build
# Where torch comes from; by default pip's default index, like everything else: a CUDA build.
ARG TORCH_INDEX
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/farsight
ENV PATH=/opt/farsight/bin:$PATH
COPY constraints.txt pyproject.toml ./
# Such an index has only torch in the version of constraints.txt: the rest is installed after it.
RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-deps --constraint constraints.txt --index-url "$TORCH_INDEX" torch; \
    fi
COPY README.md LICENSE NOTICE ./
COPY app app
COPY trainer trainer
COPY clients clients
COPY alembic alembic
COPY weights weights
# The detectors are in the image, so that it starts without a network.
ARG DETECTORS="yunet centerface"
RUN pip install --constraint constraints.txt ./clients '.[postgres,otel]' \
    && for detector in $DETECTORS; do \
         FARSIGHT_DETECTORS=/opt/farsight/detectors farsight bundles pull "$detector" || exit 1; \
       done

FROM build AS build-trainer
RUN pip install --constraint constraints.txt '.[train]'

# What both images are, but for the packages.
FROM python:3.11-slim-bookworm AS base
# New volumes take owner and rights of these folders.
RUN groupadd --system --gid 10001 farsight \
    && useradd --system --uid 10001 --gid farsight --no-create-home farsight \
    && install --directory --owner=farsight --group=farsight --mode=0700 /data /bundles /runs
ENV PATH=/opt/farsight/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FARSIGHT_HOME=/data \
    FARSIGHT_BUNDLES=/bundles \
    FARSIGHT_DETECTORS=/opt/farsight/detectors \
    FARSIGHT_OFFLINE=true
USER 10001:10001

FROM base AS trainer
COPY --from=build-trainer /opt/farsight /opt/farsight
# It would look for a home, which is not there.
ENV MPLCONFIGDIR=/tmp
WORKDIR /runs
VOLUME ["/bundles", "/runs"]
ENTRYPOINT ["farsight-trainer"]
CMD ["--help"]

# The last one is what is built unless `--target` names another.
FROM base AS service
COPY --from=build /opt/farsight /opt/farsight
WORKDIR /data
VOLUME ["/data", "/bundles"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=10)"]
CMD ["farsight", "serve", "--host", "0.0.0.0"]
