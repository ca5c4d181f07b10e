"""A window that shows pictures and takes two keys.

With Tk, which comes with Python: OpenCV's headless build has no windows, and the other one needs
libGL, which a server lacks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from PIL import Image as PillowImage

from app.commands.camera import CameraError
from app.vision.image import Image

try:
    import tkinter

    from PIL import ImageTk
except ImportError:  # Debian and others have it in a package of its own
    tkinter = None  # type: ignore[assignment]  # told by `open_window`

_LARGEST_PX = (1280, 960)


class Key(Enum):
    """What the person at the window wants."""

    CAPTURE = auto()
    END = auto()


class Window:
    """One window; made by `open_window`."""

    def __init__(self, root: "tkinter.Tk") -> None:
        self._root = root
        self._label = tkinter.Label(root, borderwidth=0)
        self._label.pack()
        self._picture: ImageTk.PhotoImage | None = None
        self._keys: list[Key] = []
        root.bind("<space>", lambda _event: self._keys.append(Key.CAPTURE))
        root.bind("<Escape>", lambda _event: self._keys.append(Key.END))
        root.protocol("WM_DELETE_WINDOW", lambda: self._keys.append(Key.END))

    def show(self, image: Image) -> Key | None:
        """Shows a picture.

        Args:
            image: (height, width, 3) uint8 RGB.

        Returns:
            The key that was pressed since the last picture; `END` before any other.
        """
        self.put(image)
        return self.poll()

    def put(self, image: Image) -> None:
        """Replaces the picture; seen from the next `poll` on.

        Args:
            image: (height, width, 3) uint8 RGB.
        """
        picture = PillowImage.fromarray(image)
        picture.thumbnail(_LARGEST_PX)
        # Tk shows it only as long as somebody keeps it.
        self._picture = ImageTk.PhotoImage(picture, master=self._root)
        self._label.configure(image=self._picture)

    def poll(self) -> Key | None:
        """Lets the window work; the key that was pressed since the last time, `END` first."""
        self._root.update()
        keys, self._keys = self._keys, []
        return Key.END if Key.END in keys else keys[0] if keys else None


@contextmanager
def open_window(title: str) -> Iterator[Window]:
    """Opens a window and closes it in the end.

    Raises:
        CameraError: There is no display, or Python has no Tk.
    """
    if tkinter is None:
        raise CameraError(
            "The preview needs Tk, which this Python lacks; on Debian: apt install python3-tk."
        )
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        raise CameraError(
            "There is no display for the preview. A video file needs none: --webcam FILE."
        ) from error
    root.title(title)
    try:
        yield Window(root)
    finally:
        root.destroy()
