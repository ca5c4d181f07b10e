"""A bundle's ONNX files at work, on the CPU."""

from collections.abc import Mapping, Sequence

from app.errors import BundleError
from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.onnx_session import ONNX_ERRORS, open_session
from app.vision.scaling import Floats

_CROP_SHAPE = (3, CROP_SIZE_PX, CROP_SIZE_PX)


class OnnxBackend:
    """See Backend.

    Args:
        edgeface: The file's content; takes `crops`.
        dsr: Likewise; takes `crops` and `face_px`. None if there is no DSR.
        threads: Threads within one call of a network.

    Raises:
        BundleError: onnxruntime cannot load a file, or the file asks for other inputs.
    """

    # Per face as fast as more at a time, with less memory (docs/decisions/0022-soak.md).
    max_batch = 4

    def __init__(self, edgeface: bytes, dsr: bytes | None, threads: int = 1) -> None:
        self._edgeface = _Network("EdgeFace", edgeface, {"crops": _CROP_SHAPE}, threads)
        takes = {"crops": _CROP_SHAPE, "face_px": ()}
        self._dsr = None if dsr is None else _Network("DSR", dsr, takes, threads)

    def embed(self, crops: Floats, face_px: Floats | None = None) -> Floats:
        """See Backend."""
        if face_px is not None:
            crops = self.restore(crops, face_px)
        return self._edgeface.run({"crops": crops}, (EMBEDDING_SIZE,))

    def restore(self, crops: Floats, face_px: Floats) -> Floats:
        """See Backend."""
        assert self._dsr is not None
        return self._dsr.run({"crops": crops, "face_px": face_px}, _CROP_SHAPE)


class _Network:
    """One ONNX file, checked to take and give what it should for any number of crops."""

    def __init__(
        self, name: str, content: bytes, takes: Mapping[str, Sequence[int]], threads: int
    ) -> None:
        self._name = name
        try:
            self._session = open_session(content, threads)
        except ONNX_ERRORS as error:
            raise BundleError(f"onnxruntime refuses the ONNX file of {name}: {error}") from error
        inputs = self._session.get_inputs()
        found = {each.name: tuple(each.shape[1:]) for each in inputs}
        if found != takes or any(isinstance(each.shape[0], int) for each in inputs):
            raise BundleError(
                f"The ONNX file of {name} takes {found}, not any number of {dict(takes)}."
            )

    def run(self, inputs: Mapping[str, Floats], gives: Sequence[int]) -> Floats:
        try:
            output: Floats = self._session.run(None, inputs)[0]
        except ONNX_ERRORS as error:
            raise BundleError(f"onnxruntime fails to run {self._name}: {error}") from error
        expected = (len(inputs["crops"]), *gives)
        if output.shape != expected:
            raise BundleError(
                f"The ONNX file of {self._name} answers with shape {output.shape}, not {expected}."
            )
        return output
