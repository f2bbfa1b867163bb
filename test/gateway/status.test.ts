import { describe, expect, test } from "vitest";
import { engineState, type NodeStatus, UP } from "../../src/gateway/status.js";

function stateOf(change: Partial<NodeStatus>): string {
  return engineState({ ...UP, ...change });
}

describe("what the engine is told of a node", () => {
  test("a node that is up and has an agent takes new connections", () => expect(stateOf({})).toBe("active"));
  test("a suspect node is used like one that is up", () => expect(stateOf({ health: "suspect" })).toBe("active"));
  test("a drained node keeps what it has", () => expect(stateOf({ drained: true })).toBe("healthy"));
  test("a node without its agent keeps what it has", () => expect(stateOf({ agent: "down" })).toBe("healthy"));
  test("a removed node is down although probes still reach it", () => expect(stateOf({ removed: true })).toBe("down"));
  test("being down outweighs a drain", () => expect(stateOf({ health: "down", drained: true })).toBe("down"));
});
