use super::*;

fn is_refused(host: &str) -> bool {
    let url = Url::parse(&format!("http://{host}/hook")).unwrap();
    check_url(&url).is_err()
}

#[test]
fn however_a_forbidden_address_is_spelt_it_is_refused() {
    for host in [
        // The metadata address, as four numbers, as fewer, in other bases, in other digits.
        "169.254.169.254",
        "169.254.169.254.",
        "169.254.169.254:80",
        "user:pass@169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xA9FEA9FE",
        "025177524776",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "0xa9.0376.43518",
        "169.0376.0xa9.254",
        "%31%36%39.254.169.254",
        "169。254。169。254",
        "１６９.254.169.254",
        "①⑥⑨.254.169.254",
        // The rest of the link.
        "169.254.0.0",
        "169.254.170.2",
        "169.254.255.255",
        // Inside IPv6.
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        // IPv6's own.
        "[fe80::1]",
        "[FE80::A9FE:A9FE]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0:0:0:0:254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "[fd00:42::42]",
        // No host at all.
        "0",
        "0.0.0.0",
        "0.1.2.3",
        "[::]",
        "[::ffff:0.0.0.0]",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "[ff02::1]",
        "[::ffff:224.0.0.1]",
    ] {
        assert!(is_refused(host), "{host}");
    }
}

#[test]
fn this_machine_private_networks_and_everybody_else_may_be_called_back() {
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "1.1.1.1",
        "[::ffff:10.0.0.1]",
        "[fd12:3456::1]",
        "[fec0::1]",
        "[2606:4700::1111]",
        "[64:ff9b::1.1.1.1]",
        "[2002:a00:1::1]",
        "hooks.example",
        "169.254.169.254.nip.example",
    ] {
        assert!(!is_refused(host), "{host}");
    }
}

#[test]
fn of_a_names_addresses_the_forbidden_fall_away() {
    let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
    let mixed = ips(&["169.254.169.254", "10.0.0.1", "::ffff:169.254.0.1", "fe80::1", "::1"]);
    assert_eq!(allowed(&mixed), Ok(ips(&["10.0.0.1", "::1"])));
    let bad = ips(&["fe80::1", "169.254.169.254"]);
    assert_eq!(allowed(&bad), Err(Forbidden("fe80::1".parse().unwrap())));
    assert_eq!(allowed(&[]), Ok(vec![]), "a name without addresses is nobody's fault");
}

#[tokio::test]
async fn what_is_connected_to_is_what_was_checked() {
    let resolver = Resolver::new(|name| match name {
        "split.example" => {
            Ok(vec!["169.254.169.254".parse().unwrap(), "10.0.0.7".parse().unwrap()])
        }
        "meta.example" => Ok(vec!["169.254.169.254".parse().unwrap()]),
        _ => Err(io::Error::other("no such name")),
    });
    let resolve = |name: &str| resolver.resolve(name.parse().unwrap());
    let found: Vec<_> = resolve("split.example").await.ok().unwrap().collect();
    assert_eq!(found, ["10.0.0.7:0".parse().unwrap()]);
    let refused = resolve("meta.example").await.err().unwrap();
    assert!(refused.downcast_ref::<Forbidden>().is_some(), "{refused}");
    assert!(resolve("nobody.example").await.is_err());
}

#[tokio::test]
async fn the_system_knows_this_machine() {
    let found: Vec<_> =
        Resolver::system().resolve("localhost".parse().unwrap()).await.ok().unwrap().collect();
    assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty());
}
