// The server that the page comes from: it has what it is told to have and nothing else, for nobody who does not know the address.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { extname } from "node:path";
import { buffer } from "node:stream/consumers";

const TYPES = { ".html": "text/html; charset=utf-8", ".json": "application/json", ".mjs": "text/javascript" };
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // Both together isolate the page: `performance.now()` has steps of 5 µs then, of 100 else.
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * @param routes by method and path, as `GET page.html`: functions that take the body and return bytes or text   @param fail takes what they throw, and what is none of them
 * @returns the address that paths are below, and `close`
 */
export async function serve(routes, fail) {
  const folder = `/${randomUUID()}/`;
  const server = createServer(async (request, response) => {
    const { method, url } = request;
    // Strangers, and browsers that want an icon.
    if (!url.startsWith(folder)) return response.writeHead(404, HEADERS).end();
    try {
      const name = `${method} ${url.slice(folder.length)}`;
      const route = routes.get(name);
      if (!route) throw new Error(`the page asks for ${name}, expected one of ${[...routes.keys()].join(", ")}`);
      const content = await route(await buffer(request));
      const type = TYPES[extname(url)] ?? "application/octet-stream";
      response.writeHead(200, { ...HEADERS, "content-type": type }).end(content);
    } catch (error) {
      fail(error);
      response.destroy();
    }
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${server.address().port}${folder}`, close };
}
