package resource

import (
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

const unixPrefix = "unix://"

// maxSocketPath is the length of the path of a unix socket that the kernel takes.
const maxSocketPath = 107

func isUnix(address string) bool { return strings.HasPrefix(address, "unix:") }

// unix checks the address of a unix socket on the gateway's host.
func (c valueChecker) unix(at Path, code diag.Code, address string) {
	name, ok := strings.CutPrefix(address, unixPrefix)
	if !ok || len(name) < 2 || name[0] != '/' && name[0] != '@' || len(name) > maxSocketPath {
		c.add(code, at, "%q is not the address of a unix socket", address).WithHint("unix:///path or unix://@name, at most 107 characters after unix://")
	} else if name[0] == '/' && strings.HasSuffix(name, "/") {
		c.add(code, at, "%q is a directory, and no unix socket", address).WithHint("the socket in it, for example %sname.sock", address)
	}
}
