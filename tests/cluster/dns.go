package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The cluster's name server: services by name, and the addresses behind a headless one. CoreDNS
// would bring a second set of everything this program is made of, and double its build.
func nameserver() {
	socket, err := net.ListenPacket("udp", address+":53")
	if err != nil {
		fail("the name server: %v", err)
	}
	for {
		question := make([]byte, 1500)
		n, from, err := socket.ReadFrom(question)
		if err != nil {
			fail("the name server: %v", err)
		}
		go func() {
			if reply, err := answer(question[:n]); err == nil {
				_, _ = socket.WriteTo(reply, from)
			} else {
				fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), err)
			}
		}()
	}
}

func answer(question []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil {
		return nil, err
	}
	message.Response, message.Authoritative, message.RecursionAvailable = true, true, true
	message.Additionals = nil
	for _, asked := range message.Questions {
		all, found, err := addresses(strings.TrimSuffix(asked.Name.String(), "."))
		switch {
		case err != nil:
			message.RCode = dnsmessage.RCodeServerFailure
		case !found:
			message.RCode = dnsmessage.RCodeNameError
		case asked.Type == dnsmessage.TypeA:
			for _, one := range all {
				message.Answers = append(message.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte(one.To4())},
				})
			}
		}
	}
	return message.Pack()
}

// The addresses of NAME.NAMESPACE.svc.cluster.local.
func addresses(name string) ([]net.IP, bool, error) {
	parts := strings.Split(name, ".")
	if len(parts) != 5 || strings.Join(parts[2:], ".") != "svc.cluster.local" {
		return nil, false, nil
	}
	text, err := get("/api/v1/namespaces/" + parts[1] + "/services/" + parts[0])
	if err != nil {
		if strings.Contains(err.Error(), "404") {
			return nil, false, nil
		}
		return nil, false, err
	}
	var service struct{ Spec struct{ ClusterIP string } }
	if err := json.Unmarshal(text, &service); err != nil {
		return nil, false, err
	}
	if ip := net.ParseIP(service.Spec.ClusterIP); ip != nil {
		return []net.IP{ip}, true, nil
	}
	text, err = get("/apis/discovery.k8s.io/v1/namespaces/" + parts[1] +
		"/endpointslices?labelSelector=kubernetes.io/service-name%3D" + parts[0])
	if err != nil {
		return nil, false, err
	}
	var slices struct {
		Items []struct {
			Endpoints []struct{ Addresses []string }
		}
	}
	if err := json.Unmarshal(text, &slices); err != nil {
		return nil, false, err
	}
	var all []net.IP
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			for _, one := range endpoint.Addresses {
				if ip := net.ParseIP(one); ip != nil && ip.To4() != nil {
					all = append(all, ip)
				}
			}
		}
	}
	return all, true, nil
}
