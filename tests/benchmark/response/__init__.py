"""How fast and how right tumour response is; `make bench-response` writes `.graftwatch/bench/response.json`."""
