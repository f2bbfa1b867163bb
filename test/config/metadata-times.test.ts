import { expect, test } from "vitest";
import { compilePolicy } from "../../src/engine/blob.js";
import { faultsOf, loadYaml } from "./manifests.js";

const pod = (created: string) => `apiVersion: v1
kind: Pod
metadata: {name: web, creationTimestamp: "${created}"}
spec: {nodeName: w1}
status: {podIP: 10.1.0.7}
`;

test("a creation before 1970, such as Go's zero time, counts as one at its beginning", () => {
  const model = loadYaml(pod("0001-01-01T00:00:00Z"));
  expect(model.endpoints[0]?.fromNs).toBe(0n);
  expect(() => compilePolicy(model)).not.toThrow();
});

test("a creation that 64 bits of nanoseconds cannot hold is a fault", () => {
  expect(faultsOf({ "m.yaml": pod("2600-01-01T00:00:00Z") })).toContainEqual(
    expect.stringMatching(
      /creationTimestamp is "2600-01-01T00:00:00Z", expected an RFC 3339 time before the year 2554/,
    ),
  );
});
