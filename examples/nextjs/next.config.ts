import type { NextConfig } from "next";

const config: NextConfig = {
  // This folder, not one above it that has a lock file too.
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
};

export default config;
