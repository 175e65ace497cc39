"""What every listener does with bytes: requests, hosts, answers, rates, addresses."""
