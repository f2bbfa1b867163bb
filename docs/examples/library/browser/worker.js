// The worker: the whole replay runs here, so that the page stays alive.
import { EgressError, explainFrame, explainText, loadManifestTexts, replay, summary } from "sluicegate";

let controller = new AbortController();

self.addEventListener("message", ({ data }) => {
  if (data === "cancel") controller.abort(new Error("cancelled"));
  else run(data);
});

async function run({ capture, manifests }) {
  controller = new AbortController();
  try {
    const texts = await Promise.all(manifests.map(async (file) => [file.name, await file.text()]));
    const options = { captures: [capture], model: loadManifestTexts(texts), signal: controller.signal };
    const onProgress = ({ frames }) => self.postMessage({ progress: frames });
    const report = await replay({ ...options, onProgress });
    const walk = await explainFrame(options, 1);
    const style = { colour: false, verbose: false };
    self.postMessage({ text: `${summary(report, style)}\n${explainText(walk, style)}` });
  } catch (error) {
    const code = error instanceof EgressError ? `${error.code}: ` : "";
    self.postMessage({ text: code + error.message });
  }
}
