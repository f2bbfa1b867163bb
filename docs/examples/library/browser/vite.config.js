/** All that Vite needs to know. */
export default {
  base: "./",
  // Vite's development server takes packages apart before it serves them, and would lose the engine's files.
  optimizeDeps: { exclude: ["sluicegate"] },
  worker: { format: "es" },
};
