export { batched, configure, learn, single } from "./reference";
