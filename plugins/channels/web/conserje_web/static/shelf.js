// Files that wait to be sent: a reload finds them again, for a day.

const KEPT_FOR = 86_400_000; // milliseconds

// What `act` asked of the shelf; nothing in a browser that has none for frames.
function ask(mode, act) {
  return new Promise((resolve) => {
    try {
      const opening = indexedDB.open("conserje", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("files");
      opening.onerror = () => resolve();
      opening.onsuccess = () => {
        const work = opening.result.transaction("files", mode);
        const asked = act(work.objectStore("files"));
        work.oncomplete = () => resolve(asked.result);
        work.onabort = () => resolve();
      };
    } catch {
      resolve();
    }
  });
}

export async function keepFile(id, file) {
  await ask("readwrite", (shelf) => shelf.put({ file, at: Date.now() }, id));
  await ask("readwrite", tidy); // whose tab was closed, nobody will send it
}

export async function keptFile(id) {
  return (await ask("readonly", (shelf) => shelf.get(id)))?.file;
}

export function dropFile(id) {
  return ask("readwrite", (shelf) => shelf.delete(id));
}

function tidy(shelf) {
  const looking = shelf.openCursor();
  looking.onsuccess = () => {
    const found = looking.result;
    if (!found) return;
    if (found.value.at < Date.now() - KEPT_FOR) found.delete();
    found.continue();
  };
  return looking;
}
