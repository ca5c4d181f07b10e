"""Downloads that resume where they stopped, with a progress bar."""

from pathlib import Path

import httpx
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from app.errors import ModelFileError

_TIMEOUT_S = 30
_WRONG_RANGE = 416


def download(url: str, target: Path) -> Path:
    """Downloads a file, unless it is there already.

    What has arrived lies beside the target under `.part`; another call asks the server for the
    rest of it.

    Args:
        url: Where it is published.
        target: Appears when the file is whole.

    Returns:
        `target`.

    Raises:
        ModelFileError: No network, the server does not give the file, or the target's folder
            cannot be written.
    """
    if target.exists():
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _receive(url, part)
        return part.rename(target)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status == _WRONG_RANGE:
            part.unlink()  # longer than the file: not a beginning of it
        raise ModelFileError(f"{url} answered {status} instead of the file.") from error
    except httpx.HTTPError as error:
        raise ModelFileError(
            f"{url} could not be read ({type(error).__name__}). Is the network up? What "
            "arrived is kept; run the same command again to resume."
        ) from error
    except OSError as error:
        raise ModelFileError(
            f"{target.name} could not be written: {error.strerror}. Name another folder with "
            "--folder.",
            target.parent,
        ) from error


def _receive(url: str, part: Path) -> None:
    have_bytes = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have_bytes}-"} if have_bytes else {}
    with httpx.stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S
    ) as answer:
        answer.raise_for_status()
        resumes = answer.status_code == httpx.codes.PARTIAL_CONTENT
        if not resumes:
            have_bytes = 0
        rest_bytes = answer.headers.get("content-length")
        total_bytes = have_bytes + int(rest_bytes) if rest_bytes else None
        columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with part.open("ab" if resumes else "wb") as file, Progress(*columns) as progress:
            task = progress.add_task(part.stem, total=total_bytes, completed=have_bytes)
            for chunk in answer.iter_bytes():
                file.write(chunk)
                progress.advance(task, len(chunk))
