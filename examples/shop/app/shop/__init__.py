"""What the shop's programs share. Importing it makes the libraries of requirements.lock importable.

Each module has one subject: `settings` and `log` for any program; `database`, `cache`, `bucket`
and `mail_queue` for the four things around it; `orders` and `visitors` for the shop itself;
`http` for a server that is replaced without dropping a request.
"""

import sys

import prepare

sys.path.append(str(prepare.target()))
