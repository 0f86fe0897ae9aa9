"""What the tests stand on: small real wheels, a package index that can misbehave, real projects, and the guards."""
