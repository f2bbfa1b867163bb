export { layoutClear, layoutFill, layoutFind, layoutInsert, layoutLookup, layoutMoved, layoutUsed } from "./layout";
export { batched, configure, learn, single } from "./reference";
