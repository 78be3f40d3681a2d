declare module "node:*"; // tests alone use it
