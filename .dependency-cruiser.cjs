/** The arrows of ARCHITECTURE.md: cli → gateway → { encoder, plugin, catalogue } → schemas, front doors only. */
const only = (from, allowed) => ({
  name: `${from}-imports-only-what-is-below`,
  severity: "error",
  from: { path: `^${from}/` },
  to: { path: "^(cli|gateway|encoder|plugin|catalogue|schemas)/", pathNot: `^(${[from, ...allowed].join("|")})/` },
});
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    only("schemas", []),
    only("catalogue", ["schemas"]),
    only("plugin", ["schemas"]),
    only("encoder", ["schemas"]),
    only("gateway", ["plugin", "encoder", "catalogue", "schemas"]),
    only("cli", ["gateway", "plugin", "encoder", "catalogue", "schemas"]),
    ...["gateway", "encoder", "plugin", "catalogue", "schemas"].map((folder) => ({
      name: `${folder}-by-its-front-door`,
      severity: "error",
      from: { path: "^(cli|gateway|encoder|plugin|catalogue|schemas)/", pathNot: `^${folder}/` },
      // schemas/dto.ts is a door of its own: its decorators load class-validator, which only the gateway needs.
      to: { path: `^${folder}/`, pathNot: `^(${folder}/index|schemas/dto)\\.ts$` },
    })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    parser: "swc",
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types"],
      extensions: [".ts", ".tsx", ".js"],
    },
    extraExtensionsToScan: [".tsx"],
  },
};
