"""Prints how large the second face of a photo is: `python -m benchmarks.second_faces`.

For docs/decisions/0003-detection-policy.md: from which share of the largest face on is another one
not a bystander? Second faces include things that only resemble one.
"""

from app.vision.alignment import measure_face_px
from app.vision.detection import find_faces, largest_first
from benchmarks.material import limit_threads, load_detectors, read_images, show


def main() -> None:
    """The shares of all photos that show several faces, largest first."""
    limit_threads()
    detector = load_detectors()["yunet"]
    shares = []
    photos, _ = read_images("photos")
    for photo in photos:
        faces = largest_first(find_faces(detector, photo).faces)
        if len(faces) > 1:
            first_px, second_px = (measure_face_px(face.landmarks) for face in faces[:2])
            shares.append(second_px / first_px)
    show(f"{len(shares)} of {len(photos)} photos show several faces; the second one's share:")
    show(" ".join(f"{share:.2f}" for share in sorted(shares, reverse=True)))


if __name__ == "__main__":
    main()
