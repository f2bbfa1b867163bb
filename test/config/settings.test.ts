import { describe, expect, test } from "vitest";
import type { SettingOverrides } from "../../src/config/settings.js";
import { UsageError } from "../../src/errors.js";
import { load } from "./manifests.js";

const config = (data: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cilium-config", namespace: "kube-system" },
  data,
});
const settle = (data: Record<string, string> | undefined, settings: SettingOverrides = {}) =>
  load(data ? [config(data)] : [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } }], { settings })
    .settings;

describe("settings", () => {
  test("are those of profile cilium by default", () => {
    expect(settle(undefined)).toMatchObject({
      natProfile: { value: "cilium", source: "default" },
      snatPorts: { value: { low: 32768, high: 65535 }, source: "profile cilium" },
      timeouts: {
        value: {
          tcpOpening: 60_000,
          tcpEstablished: 8_000_000,
          tcpClosing: 10_000,
          udp: 60_000,
          icmp: 60_000,
          other: 60_000,
        },
        source: "profile cilium",
      },
      tunnelPort: { value: 8472, source: "default" },
      healthTimeoutMs: { value: 2000, source: "default" },
    });
  });

  test("of profile rfc are those that the RFCs recommend, whatever the cluster is set to", () => {
    const data = { "node-port-range": "20000,20999", "bpf-ct-timeout-regular-any": "5s" };
    expect(settle(data, { natProfile: "rfc" })).toMatchObject({
      natProfile: { value: "rfc", source: "flag" },
      snatPorts: { value: { low: 1024, high: 65535 }, source: "profile rfc" },
      timeouts: {
        value: {
          tcpOpening: 240_000,
          tcpEstablished: 7_440_000,
          tcpClosing: 240_000,
          udp: 300_000,
          icmp: 60_000,
          other: 300_000,
        },
        source: "profile rfc",
      },
    });
  });

  test("come from cilium-config where it has them, each with its key", () => {
    const settings = settle({
      "node-port-range": "30000,39999",
      "bpf-ct-timeout-regular-tcp": "6h0m0s",
      "bpf-ct-timeout-regular-tcp-syn": "30s",
      "bpf-ct-timeout-regular-tcp-fin": "5s",
      "bpf-ct-timeout-regular-any": "90s",
      "tunnel-port": "8473",
      "egress-gateway-ha-healthcheck-timeout": "1s",
    });
    expect(settings.snatPorts).toEqual({ value: { low: 40000, high: 65535 }, source: "cilium-config node-port-range" });
    expect(settings.timeouts.value).toEqual({
      tcpOpening: 30_000,
      tcpEstablished: 21_600_000,
      tcpClosing: 5000,
      udp: 90_000,
      icmp: 90_000,
      other: 90_000,
    });
    expect(settings.timeoutSources).toMatchObject({
      tcpClosing: "cilium-config bpf-ct-timeout-regular-tcp-fin",
      icmp: "cilium-config bpf-ct-timeout-regular-any",
    });
    expect(settings.tunnelPort).toEqual({ value: 8473, source: "cilium-config tunnel-port" });
    expect(settings.healthTimeoutMs).toEqual({
      value: 1000,
      source: "cilium-config egress-gateway-ha-healthcheck-timeout",
    });
  });

  test("follow the tunnel protocol where no port is set", () => {
    expect(settle({ "tunnel-protocol": "geneve" }).tunnelPort).toEqual({
      value: 6081,
      source: "cilium-config tunnel-protocol",
    });
    expect(settle({ tunnel: "geneve", "tunnel-port": "0" }).tunnelPort.value).toBe(6081);
    expect(settle({ "tunnel-protocol": "vxlan" }).tunnelPort).toEqual({ value: 8472, source: "default" });
  });

  test("of flags win over everything, one by one", () => {
    const settings = settle(
      { "bpf-ct-timeout-regular-any": "90s", "tunnel-port": "8473" },
      { snatPorts: { low: 40000, high: 40009 }, timeouts: { udp: 1000 }, tunnelPort: 4789, healthTimeoutMs: 500 },
    );
    expect(settings.snatPorts).toEqual({ value: { low: 40000, high: 40009 }, source: "flag" });
    expect(settings.timeouts.value).toMatchObject({ udp: 1000, icmp: 90_000, tcpOpening: 60_000 });
    expect(settings.timeoutSources).toMatchObject({ udp: "flag", tcpOpening: "profile cilium" });
    expect(settings.tunnelPort).toEqual({ value: 4789, source: "flag" });
    expect(settings.healthTimeoutMs).toEqual({ value: 500, source: "flag" });
  });

  test.each<[string, SettingOverrides]>([
    ["an empty port range", { snatPorts: { low: 5, high: 4 } }],
    ["a port range from 0", { snatPorts: { low: 0, high: 4 } }],
    ["a port range beyond 65535", { snatPorts: { low: 1, high: 65536 } }],
    ["a timeout of 0", { timeouts: { udp: 0 } }],
    ["a tunnel port of 0", { tunnelPort: 0 }],
  ])("refuse %s", (_what, overrides) => {
    expect(() => settle({}, overrides)).toThrow(UsageError);
  });

  test("look at no ConfigMap but cilium-config", () => {
    const other = { ...config({ "tunnel-port": "1" }), metadata: { name: "kube-proxy" } };
    const model = load([other]);
    expect(model.settings.tunnelPort.source).toBe("default");
    expect(model.ciliumConfig).toBeUndefined();
    expect(model.ignoredKinds).toEqual(new Map([["ConfigMap", 1]]));
  });
});
