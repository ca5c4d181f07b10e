"""Farsight, the service."""

import os

# onnxruntime reads this when it is imported. What a face recognition service does is nobody's
# business but its operator's.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
