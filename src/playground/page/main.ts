import workerCode from "virtual:worker";
import { Playground } from "./playground.js";
import { shipped } from "./shipped.js";

const { modules, example } = shipped();
new Playground(workerCode, modules, example);
