"""Light witnesses made real: where the one record of `ports.light_witness` is kept."""
