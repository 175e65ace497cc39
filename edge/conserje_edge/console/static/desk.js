// The tab of the page is in sight, on a telephone too.
document.querySelector("#desk-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
