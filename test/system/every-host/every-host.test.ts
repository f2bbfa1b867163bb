import { beforeAll, describe } from "vitest";
import { PROGRAMS } from "../../hosts/programs.js";
import { missing } from "../tools.js";
import { chromiumTests } from "./chromium.js";
import { complaintTests } from "./complaints.js";
import { prepare } from "./hosts.js";
import { readmeTests } from "./readme.js";
import { replayTests } from "./replay.js";
import { vectorTests } from "./vectors.js";

// The hosts of test/hosts, built from clean: the same vectors, bytes, counts and complaints from all of them. One file, as they are built once.

const lacking = missing(PROGRAMS.flatMap(({ tools }) => tools));

describe.skipIf(lacking !== "")(`every host ${lacking && `(missing: ${lacking})`}`, () => {
  beforeAll(prepare, 900_000);
  vectorTests();
  replayTests();
  complaintTests();
  chromiumTests();
  readmeTests();
});
