# Filled in by subjects.py: $$MODULE, $$NAMESPACES, $$BINDINGS. The folder "state" is given on the
# command line, the port is the system's choice and is reported on the control descriptor.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "state", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "$MODULE", esModule = embed "$MODULE")],
  compatibilityDate = "2026-08-01",
  durableObjectNamespaces = [$NAMESPACES],
  durableObjectStorage = (localDisk = "state"),
  bindings = [$BINDINGS],
);
