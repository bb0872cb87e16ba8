use netdiag_bench::build;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::model::{Model, Press};
use super::*;
use crate::packet::file::{Packet, Time};
use crate::packet::{Decoder, LinkType, Stack};

fn carried(source: u8, payload: &[u8]) -> Vec<u8> {
    let inner = build::udp4([10, 244, 1, source], [10, 244, 2, 2], (4000, 53), payload);
    let frame = build::ethernet(5, 6, 0x0800, &inner);
    let udp = build::udp_plain(50000, 4789, &build::vxlan(8, [0; 3], 7, &frame));
    build::ethernet(
        1,
        2,
        0x0800,
        &build::ipv4([192, 168, 0, 1], [192, 168, 0, 2], 17, &udp),
    )
}

fn add(model: &mut Model, number: u64, frame: &[u8]) {
    let mut stack = Stack::default();
    let packet = Packet {
        time: Time::from_nanos(1_000_000_000 * i64::try_from(number).unwrap()),
        link: LinkType::ETHERNET,
        interface: 0,
        wire_len: u32::try_from(frame.len()).unwrap(),
        data: frame,
        comment: None,
        direction: 0,
    };
    Decoder::default().decode(frame, packet.link, packet.wire_len, &mut stack);
    model.add(&Shown {
        number,
        packet,
        stack: &stack,
        interface: None,
    });
}

fn model() -> Model {
    let mut names = Names::default();
    names.add("10.244.2.2".parse().unwrap(), "shop/db");
    let mut model = Model::new(Some(Arc::new(names)), Arc::default());
    let frames = [
        carried(1, b"x"),
        carried(2, &[b'y'; 400]),
        carried(1, b"z"),
        carried(2, b"zz"),
    ];
    for (number, frame) in (1..).zip(&frames) {
        add(&mut model, number, frame);
    }
    model
}

fn picture(model: &mut Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
    model.refresh();
    terminal.draw(|frame| draw::draw(frame, model)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn from_flows_to_packets_to_layers_and_back() {
    let mut model = model();
    let flows = picture(&mut model);
    assert!(flows.contains("4 packets, 2 flows: "), "{flows}");
    assert!(
        flows.contains("vxlan vni 7  udp    10.244.1.2.4000  10.244.2.2.53(shop/db)  2/0"),
        "{flows}"
    );
    assert!(model.press(Press::Move(1)));
    assert!(model.press(Press::Open));
    let packets = picture(&mut model);
    assert!(
        packets.contains("10.244.1.1.4000 > 10.244.2.2.53(shop/db)"),
        "{packets}"
    );
    assert_eq!(packets.matches("vxlan vni 7 | ").count(), 2, "{packets}");
    assert!(model.press(Press::Move(1)) && model.press(Press::Open));
    let layers = picture(&mut model);
    assert!(layers.contains("number 3"), "{layers}");
    assert!(
        layers.contains("ethernet") && layers.contains("vxlan"),
        "{layers}"
    );
    assert!(model.press(Press::Back) && model.press(Press::Back));
    assert_eq!(picture(&mut model), {
        let mut again = self::model();
        again.refresh();
        again.press(Press::Move(1));
        picture(&mut again)
    });
    assert!(!model.press(Press::Back), "the first screen is the last to leave");
}

#[test]
fn what_stands_still_does_not_move() {
    let mut model = model();
    let before = picture(&mut model);
    model.press(Press::Pause);
    add(&mut model, 5, &carried(9, &[0; 900]));
    let flows = |picture: &str| picture.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(flows(&picture(&mut model)), flows(&before));
    model.press(Press::Pause);
    assert!(picture(&mut model).contains("10.244.1.9.4000"));
}
