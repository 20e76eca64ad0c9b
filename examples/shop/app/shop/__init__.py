"""What the shop's programs share. Importing it makes the libraries of requirements.lock importable.

Each module has one subject: `settings` and `log` for any program; `database`, `cache`, `bucket`
and `mail_queue` for the four things around it; `orders` and `visitors` for the shop itself;
`http` for a server that is replaced without dropping a request.
"""

import sys

import prepare

if not prepare.target().is_dir():
    # The tests do without; the programs will not get far.
    print(f"{prepare.target()} is missing; fetch the libraries with: python3 prepare.py", file=sys.stderr)
sys.path.append(str(prepare.target()))
