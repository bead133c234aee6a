package transport

import (
	"context"
	"fmt"
	"net"
)

// Listen listens on an address. Only a Unix socket has the rights.
func Listen(ctx context.Context, a Address, r Rights) (net.Listener, error) {
	if a.Unix() {
		return listenUnix(a.path, r)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.host)
	if err != nil {
		return nil, fmt.Errorf("listen for gateways: %w", err)
	}
	return l, nil
}
