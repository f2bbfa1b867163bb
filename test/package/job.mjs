/** What a result is compared by: everything that one job over captures gives. Runs in Node, in a page and in a worker. */
export async function runJob(sluicegate, { captures, scenario, frame }, bytesOf) {
  const texts = {};
  for (const name of ["nodes", "endpoints", "workloads", "policies", "cilium-config"])
    texts[`${name}.yaml`] = await bytesOf(`manifests/${name}.yaml`);
  const model = sluicegate.loadManifestTexts(texts);
  const inputs = [];
  for (const name of captures) inputs.push({ name, bytes: await bytesOf(name) });
  const options = { captures: inputs, model };
  if (scenario) {
    const text = new TextDecoder().decode(await bytesOf(scenario));
    options.scenario = sluicegate.readScenarioText(text, scenario, sluicegate.scenarioOptionsOf(model));
  }
  const outputs = {};
  let progress = 0;
  const onOutput = (name, bytes) => {
    outputs[name] = [...(outputs[name] ?? []), bytes];
  };
  const onProgress = ({ frames }) => {
    progress = frames;
  };
  const { timing: _, ...report } = await sluicegate.replay({ ...options, onOutput, onProgress });
  const page = sluicegate.reportPage({ ...report, timing: { engineNsPerFrame: 0, framesPerSecond: 0, wallMs: 0 } });
  const walk = await sluicegate.explainFrame(options, frame);
  const compiled = sluicegate.compileForHosts(model);
  const document = sluicegate.documentText(sluicegate.policyDocument(compiled, "policy.bin"));
  const captured = {};
  for (const [name, parts] of Object.entries(outputs)) captured[name] = await hashOf(parts);
  return { report, progress, page: await hashOf([page]), walk, outputs: captured, document };
}

/** SHA-256, with the length in front. */
async function hashOf(parts) {
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${bytes.length} bytes ${[...sum].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
