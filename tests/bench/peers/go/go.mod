module lifecycle/bench/peers

go 1.19
