// Package loopback protects servers that are only for this machine from web pages of other sites.
package loopback

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Is reports whether only this machine can connect to an address.
func Is(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// Guard returns next or, if only this machine can connect to address, a handler that refuses requests
// that name another host. Such a request comes from a web page in a local browser whose domain name was
// pointed at this machine (DNS rebinding).
func Guard(address net.Addr, next http.Handler) http.Handler {
	if !Is(address) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			http.Error(w, "only this machine can use this server, as localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLocalName(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil { // without a port
		host = hostPort
	}
	at, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && at.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}
