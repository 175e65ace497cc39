// The shop: a photo is made smaller before it is sent; without this it is sent as it is.

const WIDEST = 1600, SMALL = 1_000_000;

async function shrunk(file) {
  if (file.size < SMALL || !/^image\/(jpeg|png|webp)$/.test(file.type)) return file;
  const picture = await createImageBitmap(file);
  const part = Math.min(1, WIDEST / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.round(picture.width * part), Math.round(picture.height * part));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
  return blob.size < file.size ? new File([blob], "picture.jpg", { type: "image/jpeg" }) : file;
}

for (const input of document.querySelectorAll("form[data-shrink] input[type=file]")) {
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      const small = new DataTransfer();
      small.items.add(await shrunk(file));
      input.files = small.files;
    } catch {
      // What the browser cannot draw is judged by the server.
    }
  });
}

// The newest of the trial is what is looked at.
const talk = document.querySelector(".shop-talk");
if (talk?.lastElementChild) talk.lastElementChild.scrollIntoView({ block: "nearest" });
