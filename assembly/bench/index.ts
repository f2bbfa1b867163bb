export { layoutFill, layoutLookup } from "./layout";
export { batched, configure, learn, single } from "./reference";
