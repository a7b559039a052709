"""What the long proofs share: a seeded case, a network with daemons in it, an independent client."""
