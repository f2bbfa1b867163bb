// The page: gives files to the worker, shows what it says. Nothing leaves the browser.
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const element = (id) => document.getElementById(id);

element("start").addEventListener("click", () => {
  element("result").textContent = "";
  worker.postMessage({ capture: element("capture").files[0], manifests: [...element("manifests").files] });
});
element("cancel").addEventListener("click", () => worker.postMessage("cancel"));

worker.addEventListener("message", ({ data: { progress, text } }) => {
  if (progress !== undefined) element("progress").textContent = `${progress} frames`;
  if (text !== undefined) element("result").textContent = text;
});
