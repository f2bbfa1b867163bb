import { EgressError, PolicyError } from "../errors.js";

/**
 * What the user reads when something went wrong: our own errors say where, what it is and what it should be; anything else is a fault
 * of the program and says so.
 * @param withTrace adds the stack, for those who mean to fix it
 */
export function describeError(error: unknown, withTrace: boolean): string {
  const trace = withTrace && error instanceof Error ? `${error.stack}\n${causes(error)}` : "";
  if (error instanceof PolicyError) {
    const count = error.faults.length;
    return `${error.message}\n${count} fault${count === 1 ? "" : "s"} in the ${error.subject}; nothing was applied\n${trace}`;
  }
  if (error instanceof EgressError) return `${error.message}\n${trace}`;
  const message = error instanceof Error ? error.message : String(error);
  const hint = withTrace ? "" : " (SLUICEGATE_TRACE=1 shows where)";
  return `sluicegate: internal error: ${message}${hint}\n${trace}`;
}

function causes(error: Error): string {
  let text = "";
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) text += `caused by ${cause.stack}\n`;
  return text;
}
