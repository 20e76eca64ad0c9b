// OpenFGA's own program, but for where it listens: HOST, PORT and PORT_GRPC say that, as they do to
// everything that plat runs.
package main

import (
	"net"
	"os"

	"github.com/openfga/openfga/cmd"
	"github.com/openfga/openfga/cmd/migrate"
	"github.com/openfga/openfga/cmd/run"
)

func main() {
	listen("OPENFGA_HTTP_ADDR", "PORT")
	listen("OPENFGA_GRPC_ADDR", "PORT_GRPC")
	root := cmd.NewRootCommand()
	root.AddCommand(run.NewRunCommand(), migrate.NewMigrateCommand())
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

// listen gives OpenFGA an address to listen on, unless somebody gave it another.
func listen(variable, port string) {
	if _, said := os.LookupEnv(variable); said {
		return
	}
	if port, said := os.LookupEnv(port); said {
		os.Setenv(variable, net.JoinHostPort(os.Getenv("HOST"), port))
	}
}
