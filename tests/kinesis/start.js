// Starts kinesalite on 127.0.0.1 and prints its port; ended by its process id. usage: node start.js CACHE DATA-DIR PORT (0: a free one)
const [cache, path, port] = process.argv.slice(2);
const kinesalite = require(`${cache}/node_modules/kinesalite`);
const server = kinesalite({ path, createStreamMs: 0 });
server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
