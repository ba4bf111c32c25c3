# Filled in by workerd.py: $$DATE, $$WORKER. The folder "state" is given on the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "state", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "box.mjs", esModule = embed "box.mjs")],
  compatibilityDate = "$DATE",
  durableObjectNamespaces = [
    (className = "Box", uniqueKey = "$WORKER-Box", enableSql = true),
    (className = "Plain", uniqueKey = "$WORKER-Plain", enableSql = false),
    (className = "NoAlarm", uniqueKey = "$WORKER-NoAlarm", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "state"),
  bindings = [
    (name = "Box", durableObjectNamespace = "Box"),
    (name = "Plain", durableObjectNamespace = "Plain"),
    (name = "NoAlarm", durableObjectNamespace = "NoAlarm"),
    (name = "EVAL", unsafeEval = void),
  ],
);
