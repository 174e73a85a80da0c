"""Programs: seeds in lanes, devices, hosts; the loop over updates."""
