module lifecycle/bench/kv

go 1.19
