// Starts kinesalite on a free port of 127.0.0.1 and prints the port; ended by its process id. usage: node start.js CACHE DATA-DIR
const [cache, path] = process.argv.slice(2);
const kinesalite = require(`${cache}/node_modules/kinesalite`);
const server = kinesalite({ path, createStreamMs: 0, shardLimit: 100 });
server.listen(Number(process.env.PORT || 0), "127.0.0.1", () => console.log(server.address().port));
