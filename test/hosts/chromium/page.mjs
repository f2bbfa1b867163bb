// The page: starts the worker, and says what goes wrong in it as an error of its own.

const worker = new Worker("worker.mjs", { type: "module" });
worker.addEventListener("error", ({ message, filename, lineno }) => {
  throw new Error(message ? `${filename}:${lineno}: ${message}` : "the worker cannot be loaded");
});
