"""Every figure that the docs quote, and the command that prints it."""

import app  # noqa: F401 - turns telemetry off, before anything here imports onnxruntime
