# Farsight on SQLite. Built and linted here without a container engine: see docs/containers.md.
#   docker build --tag farsight .
#   docker build --tag farsight --build-arg TORCH_INDEX=https://pypi.org/simple .    (CUDA)
#   docker build --tag farsight --build-arg DETECTORS=centerface .    (where YuNet's file is out of reach)

FROM python:3.11-slim-bookworm AS build
# The CPU build of torch lies on PyTorch's own index; PyPI's is the CUDA build.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/farsight
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY constraints.txt pyproject.toml ./
# That index has none of the versions of constraints.txt but torch's own: the rest comes after it.
RUN pip install --no-deps --constraint constraints.txt --index-url "$TORCH_INDEX" torch
COPY app app
COPY clients clients
COPY alembic alembic
COPY weights weights
# The detectors go into the image, so that it starts without a network.
ARG DETECTORS="yunet centerface"
RUN pip install --constraint constraints.txt --editable ./clients --editable . \
    && for detector in $DETECTORS; do \
         FARSIGHT_DETECTORS=detectors python -m app bundles pull "$detector" || exit 1; \
       done

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home farsight \
    && install --directory --owner=farsight /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/farsight /srv/farsight
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FARSIGHT_DATABASE__URL=sqlite+aiosqlite:////data/farsight.db \
    FARSIGHT_DETECTORS=/srv/farsight/detectors \
    FARSIGHT_OFFLINE=true
WORKDIR /srv/farsight
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=10)"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
