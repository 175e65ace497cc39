// Numbers that are still being counted: looks again by itself, unless somebody chooses other days.

const SECONDS = 2;
setInterval(() => {
  if (!document.activeElement?.closest("form")) location.reload();
}, SECONDS * 1000);
