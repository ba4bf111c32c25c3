def structured_clone(v,*a): return v
