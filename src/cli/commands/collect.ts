import { collectScript } from "../../config/collect.js";
import { type CommandRun, EXIT_OK } from "../commands.js";

/** `collect`: prints the script; it is for the user to read and run. */
export const run: CommandRun = async (_args, _flags, console) => {
  console.out(collectScript());
  return EXIT_OK;
};
