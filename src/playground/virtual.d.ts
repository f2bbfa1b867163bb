/** The worker as one classic script; `make.mjs` builds it first. */
declare module "virtual:worker" {
  const code: string;
  export default code;
}
