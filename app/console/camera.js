// The webcam, in the browser alone: a frame leaves it only when it is sent.

import { h } from "./dom.js";
import { blobOf } from "./faces.js";

const LONGEST_PX = 1280;

/** Opens the camera in `place`; SPACE or the button takes a photo. */
export async function openCamera(place, { onPhoto, onClose, overlay }) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers allow the camera only at https:// addresses and at localhost.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST_PX } }, audio: false });
  } catch {
    throw new Error("The camera cannot be opened. Is it connected, free, and allowed for this address?");
  }
  const video = h("video", { autoplay: true, playsinline: true, "aria-label": "What the camera sees" });
  video.muted = true;
  video.srcObject = stream;
  let open = true;
  const camera = {
    video,
    get isOpen() { return open; },
    async frame(type = "image/jpeg") {
      if (!video.videoWidth) return null;
      const scale = Math.min(1, LONGEST_PX / Math.max(video.videoWidth, video.videoHeight));
      const picture = document.createElement("canvas");
      picture.width = Math.round(video.videoWidth * scale);
      picture.height = Math.round(video.videoHeight * scale);
      picture.getContext("2d").drawImage(video, 0, 0, picture.width, picture.height);
      return blobOf(picture, type, 0.92);
    },
    close() {
      if (!open) return;
      open = false;
      for (const track of stream.getTracks()) track.stop();
      removeEventListener("keydown", press);
      onClose?.();
    },
  };
  const take = async () => {
    const blob = await camera.frame();
    if (blob) await onPhoto(new File([blob], "webcam.jpg", { type: blob.type }));
  };
  const press = (event) => {
    const typing = event.target.closest?.("input, textarea, select, button, a, dialog");
    if (event.code !== "Space" || typing) return;
    event.preventDefault();
    if (!event.repeat) take();
  };
  addEventListener("keydown", press);
  place.replaceChildren(
    h("div.photo", {}, video, overlay),
    h("p.buttons", {},
      h("button.main", { type: "button", on: { click: take } }, "Take a photo ", h("kbd", {}, "space")),
      h("button", { type: "button", on: { click: () => camera.close() } }, "Close the camera")));
  return camera;
}
