"""When a group changes hands, and when it must wait: decisions of the coordinator, group by group (spec/03 §8-§12)."""
