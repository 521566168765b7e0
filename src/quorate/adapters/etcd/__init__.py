"""The store port on top of etcd."""
